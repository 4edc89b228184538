#!/bin/sh
# The same from a shell: `perftune exec -- sh configs/report_steps.sh`.
events=${PERFTUNE_EVENTS:-/dev/null}
for i in 1 2 3 4 5; do
    sleep 0.02                                      # the step
    echo '{"step": {"items": 10}}' >> "$events"     # without dur_s: timed by when it comes
done
echo '{"metric": {"name": "bleu", "value": 31.2}}' >> "$events"
