// The one-shot service that makes secrets, so that a deployment starts with nothing prepared and no two have the same ones.

import { SECRETS_FOLDER, SECRETS_MOUNT } from './databases.ts';

/** A new folder gets all secrets, also where the first start was cut short. Later one that is missing has been lost. */
const SCRIPT = `[ -n "$$(ls)" ] || touch .new
for name; do
  [ -s "$$name" ] && continue
  if [ ! -e .new ]; then
    echo "secrets: $$name is missing; put it back: docker compose run --rm -T secrets tee $$name <FILE >/dev/null" >&2
    exit 1
  fi
  head -c 32 /dev/urandom | base64 | tr -d '\\n' >.part
  mv .part "$$name"
done
rm -f .new
`;

export function secretsService(image: string, names: readonly string[]): string {
  return `  # Makes the secrets at the first start. One that is missing later was lost: what a database has is not what a new one says.
  secrets:
    <<: *service
    image: ${image}
    user: root
    # For a folder of SECRETS that is somebody else's.
    cap_add: [DAC_OVERRIDE]
    network_mode: none
    working_dir: ${SECRETS_FOLDER}
    command:
      - sh
      - -euc
      - |
${SCRIPT.replaceAll(/^(?=.)/gm, '        ')}      - secrets
${names.map((name) => `      - ${name}\n`).join('')}    volumes:
      - ${SECRETS_MOUNT}
    restart: "no"
    mem_limit: 64m
    pids_limit: 16
`;
}
