"""What verification asks of a result, each requirement measured on its own."""
