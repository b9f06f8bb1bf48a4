$ guise train --list
out ^simswap-128

$ guise train --list --json -
json
out "name": "simswap-128"

$ guise train simswap-128 --list
out --steps
out --lambda_id

$ guise train nosuch --list
exit 2
err there is no recipe 'nosuch'

$ guise train
exit 2
err say which recipe

$ guise train simswap-128
exit 2
err say where photos are

$ guise train nosuch --data . --out run
exit 2
err there is no recipe 'nosuch'
no run

$ guise eval
exit 2
err say where photos are

need models
$ guise train simswap-128 --data . --out run --nosuch 3
exit 2
err no option 'nosuch'
no run

need models
$ guise train simswap-128 --data nosuch --out run --steps 1
exit 1
err nosuch
