"""What makes the frame between two frames: RIFE in torch or as a program, FILM."""
