"""What teachers say of all images, computed once and kept."""
