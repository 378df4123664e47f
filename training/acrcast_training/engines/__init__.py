"""Who fits resamples and scores partitions: this process, or the workers of Dask."""
