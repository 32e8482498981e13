"""The rows: each module measures one thing and returns the lines of the table."""
