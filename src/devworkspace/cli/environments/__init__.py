"""What a developer does from a terminal, with the rights of their own kubeconfig."""
