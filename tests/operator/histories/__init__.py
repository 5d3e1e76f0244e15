"""Random histories of a whole cluster in one process: the real operator, an API server in memory, time that is made.

`clock` is an event loop whose time only passes when it is told to. `server` answers the operator's real client without
sockets and holds each request of a decision back until the history lets it pass, so that a history chooses the order of
all writes, loses answers, and stops an operator in the middle. `replica` is one operator process. `judge` watches every
write. `world` plays everybody else: users, kubelets, controllers, forgers. `truth` says how all must look at rest.
"""
