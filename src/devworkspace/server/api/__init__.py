"""The REST API of the public host, for the dashboard and for programs; its routes make the OpenAPI document."""
