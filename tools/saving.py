"""How JupyterLab saves a file: beside the old one, which stays until the new one is whole.

Jupyter's own way copies the old file, writes over it, and removes the copy. Where the disk is full
at the last piece, or the server is killed meanwhile, a damaged file is left. The next attempt to
save it writes over the copy.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class WholeFiles(AsyncLargeFileManager):
    """Jupyter's manager of files, with another way to write one."""

    @contextmanager
    def atomic_writing(
        self, os_path: str, text: bool = True, encoding: str = "utf-8", **kwargs: Any
    ) -> Iterator[IO]:
        """Give a file to write into, and put it into the place of the old one in one step.

        Parameters
        ----------
        os_path
            The file; where it is a link, what it leads to.
        text
            Whether text is written, with Unix line ends, or bytes.
        encoding
            Of the text.

        Raises
        ------
        OSError
            If it cannot be written; the old file is as it was.
        """
        path = os.path.realpath(os_path)
        beside = os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.part")
        how = {"mode": "w", "encoding": encoding, "newline": "\n"} if text else {"mode": "wb"}
        with self.perm_to_403(os_path):
            try:
                with open(beside, **{**how, **kwargs}) as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                if os.path.exists(path):
                    shutil.copymode(path, beside)
                os.replace(beside, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(beside)
                raise
