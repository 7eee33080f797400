"""What a person looks at after a job: the report, its charts, pictures and stand-ins for browsers."""
