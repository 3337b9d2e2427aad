"""`python -m promptbreeder_server`."""

from promptbreeder_server.main import main

main()
