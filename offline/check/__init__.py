"""What a pull request to this repository changes, as one comment: manifests, what pods can reach, policies, previews.

`python -m offline.check --against REVISION` prints the comment, `python -m offline.check.comment` puts it below a pull
request. Neither needs a cluster; the text of a preview is handed over by whoever has one (`make pull-request-check`).

To render a branch is to run its code. So in continuous integration `python -m offline.check.rendered` does that alone, where
there is no credential, and the base's code compares what it wrote (`--rendered`).
"""
