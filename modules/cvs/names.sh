# shellcheck shell=sh disable=SC2016,SC2034
# A file with one of these strings in it has the tag's name there, and so is
# another file on another tag. To look for them takes reading all files: which
# have it is kept in the working copy. grep finds strings in half the time of a
# pattern.
names='$Name:
$Name$'
kept_names=CVS/farmrun-names

# what xargs and find have sh do, with these strings and then files: it names those
# that have one of them.
with_names='grep -lF "$@"; [ $? -lt 2 ]'
