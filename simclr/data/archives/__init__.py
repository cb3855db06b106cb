"""Images in archives and tables: ZIP, tar and WebDataset, Parquet."""
