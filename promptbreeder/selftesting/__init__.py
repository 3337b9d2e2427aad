"""The self-test: does the whole loop keep its word where there is nothing to find?

It is a client of the service like any other, on a database of its own that is thrown away:

    null.py     skills, a strategy and a voter without anything to gain
    loop.py     define, evolve, gate, try to promote, vote, try again after every vote
    voting.py   blind votes of somebody who has no preference
    verdict.py  how many false promotions are too many
    suite.py    all of it, and the report
"""

from promptbreeder.selftesting.null import Choosing, at_random, choose
from promptbreeder.selftesting.suite import selftest

__all__ = ["Choosing", "at_random", "choose", "selftest"]
