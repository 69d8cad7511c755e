"""What people see of a run's answers: a table, a page, heat maps; `predict` and `demo` show them."""
