"""KubeSphere DevWorkspace: development environments in the browser, on your own Kubernetes."""

__version__ = "0.1.0"
