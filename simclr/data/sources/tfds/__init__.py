"""TensorFlow Datasets: read from their files, downloaded where they are not."""
