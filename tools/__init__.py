"""What makes the course: its notebooks, pages and tables, its built-in data, its checkpoints."""
