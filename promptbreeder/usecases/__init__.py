"""The use cases behind `Service`, one file a subject; each is a plain async function over a `Workbench`."""
