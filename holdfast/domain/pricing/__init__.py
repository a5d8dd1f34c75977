"""What charging costs. `periods` cuts a session where its price may change, `price` prices what was
cut, `breakdown` explains every cent; `cdr` reads a partner's record and `cdr_check` judges it.
`rates` says what a unit costs where there is no session yet, `cost_limit` how far one may go on.
"""
