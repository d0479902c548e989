"""Run the command line in this process, and let no error through that a user would see as a traceback."""

from click.testing import CliRunner

from eelsmap.cli import main


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    return result
