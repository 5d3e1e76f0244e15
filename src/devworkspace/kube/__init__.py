"""The API server as seen from Python: client, informer, work queue, access review. Knows nothing of our kinds."""
