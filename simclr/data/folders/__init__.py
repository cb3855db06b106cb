"""What folders say beside their images: classes, and what is left out."""
