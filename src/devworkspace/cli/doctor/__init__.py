"""`doctor`: looks at an installation part by part, and says what to fix.

Each check reads; only the one of NetworkPolicies makes something, and takes it away again. A check that cannot find out
says so: that is no problem, and no health either.
"""
