"""What people see of answers: a table, a page, heat maps; `predict` and `demo` show them."""
