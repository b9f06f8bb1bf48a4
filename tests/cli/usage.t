# without arguments: the overview, as an error
$ guise
exit 2
err guise COMMAND --help

# help
$ guise help
out guise swap +put the face

$ guise --help
out guise doctor

$ guise help swap
out ^guise swap \[SOURCE...\] TARGET

# a man page out of the same table
$ guise help --man swap
out ^guise-swap\(1\)
out --reference REFERENCE

$ guise --version
out ^guise [0-9]+\.[0-9]+\.[0-9]+$

$ guise help nosuch
exit 2
err there is no command 'nosuch'; there are: swap, detect

$ guise nosuch
exit 2
err there is no command 'nosuch'; there are: swap, detect

# every command has help with an example
$ for c in $(guise help | sed -n 's/^  guise \([a-z]*\) .*/\1/p'); do guise $c --help | grep -A1 '^Example' | grep -q "guise $c" || echo "$c has none"; done; echo all
out ^all$

# and refuses unknown options with exit status 2 and one line
$ for c in $(guise help | sed -n 's/^  guise \([a-z]*\) .*/\1/p' | grep -v train); do guise $c a b --nosuch; [ $? -eq 2 ] || echo $c; done; echo all
out ^all$
err guise doctor: there is no option --nosuch

$ guise swap --help | grep -c Example
out ^1$

$ guise detect
exit 2
err it takes PHOTO; try: guise detect --help

$ guise detect a b
exit 2
err too many arguments

$ guise detect -q a
exit 2
err there is no option -q

$ guise detect a --json
exit 2
err --json needs a value

$ guise align a -o b.png --size big
exit 2
err size takes a whole number

$ guise align a -o b.png --size=5 --all=perhaps
exit 2
err all takes yes or no

$ guise models --json=- extra
exit 2
err too many arguments

# after -- nothing is an option
$ guise detect -- --json
exit 1
err --json: cannot be opened

$ guise net info simswap --set width
exit 2
err --set takes name=value

# a full disk is an error
$ if [ -w /dev/full ]; then guise help >/dev/full; else echo 'guise: the output cannot be written' >&2; false; fi
exit 1
err the output cannot be written
