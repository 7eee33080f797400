"""What a media file holds besides what its pictures show, and what differs between two of them."""
