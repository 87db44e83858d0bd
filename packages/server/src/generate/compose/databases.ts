// The databases of a Compose file, as the public images want them, and how the application reaches them.

import type { Deployment } from '../deployment.ts';
import type { ComposeOptions } from './options.ts';
import { dependsOn, networks } from './yaml.ts';

/** Where containers find secrets. */
export const SECRETS_FOLDER = '/run/secrets';

/** Mounted by whoever reads secrets; a folder of this machine where SECRETS is a path. */
export const SECRETS_MOUNT: string = `\${SECRETS:-secrets}:${SECRETS_FOLDER}`;

export interface Database {
  readonly service: string;
  /** The variables of the application. */
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** Names of secrets. */
  readonly secrets: readonly string[];
  readonly volumes: readonly string[];
  /** Volumes in memory. */
  readonly memory: readonly string[];
  readonly yaml: string;
}

export function databases({ name }: Deployment, { mariadb, mongodb }: ComposeOptions): Database[] {
  const user = name.replaceAll('-', '_');
  return [
    ...(mariadb === null ? [] : [mariadbService(user, mariadb)]),
    ...(mongodb === null ? [] : [mongodbService(user, mongodb)]),
  ];
}

const secretOf = (prefix: string): string => `${prefix.toLowerCase()}_password`;

function mariadbService(user: string, prefix: string): Database {
  const secret = secretOf(prefix);
  return {
    service: 'mariadb',
    variables: [
      [`${prefix}_URL`, `mariadb://${user}@mariadb/${user}`],
      [`${prefix}_PASSWORD_FILE`, `${SECRETS_FOLDER}/${secret}`],
    ],
    secrets: [secret, 'mariadb_root_password'],
    volumes: ['mariadb'],
    memory: ['mariadb-run'],
    yaml: `  mariadb:
    <<: *service
    image: mariadb:11.8
    user: mysql
${networks(['back'])}${dependsOn([['secrets', 'service_completed_successfully']])}    environment:
      MARIADB_DATABASE: ${user}
      MARIADB_USER: ${user}
      MARIADB_PASSWORD_FILE: ${SECRETS_FOLDER}/${secret}
      MARIADB_ROOT_PASSWORD_FILE: ${SECRETS_FOLDER}/mariadb_root_password
      MARIADB_AUTO_UPGRADE: "1"
    volumes:
      - mariadb:/var/lib/mysql
      - mariadb-run:/run/mysqld
      - ${SECRETS_MOUNT}:ro
    tmpfs: /tmp
    healthcheck:
      test: [CMD, healthcheck.sh, --connect, --innodb_initialized]
      interval: 3s
      timeout: 5s
      retries: 5
      # The first start makes the database, and one after a crash repairs it.
      start_period: 120s
    stop_grace_period: 60s
    mem_limit: 1g
    cpus: 1
    pids_limit: 512
`,
  };
}

function mongodbService(user: string, prefix: string): Database {
  const secret = secretOf(prefix);
  return {
    service: 'mongodb',
    variables: [
      [`${prefix}_URL`, `mongodb://${user}@mongodb/${user}?authSource=admin`],
      [`${prefix}_PASSWORD_FILE`, `${SECRETS_FOLDER}/${secret}`],
    ],
    secrets: [secret],
    volumes: ['mongodb', 'mongodb-config'],
    memory: [],
    yaml: `  mongodb:
    <<: *service
    image: mongo:8
    user: mongodb
${networks(['back'])}${dependsOn([['secrets', 'service_completed_successfully']])}    environment:
      MONGO_INITDB_ROOT_USERNAME: ${user}
      MONGO_INITDB_ROOT_PASSWORD_FILE: ${SECRETS_FOLDER}/${secret}
    volumes:
      - mongodb:/data/db
      - mongodb-config:/data/configdb
      - ${SECRETS_MOUNT}:ro
    tmpfs: /tmp
    healthcheck:
      # Its shell takes most of a second of a processor to start.
      test: [CMD, mongosh, --quiet, --eval, "db.adminCommand('ping').ok"]
      interval: 10s
      timeout: 10s
      retries: 5
      start_period: 120s
    stop_grace_period: 60s
    mem_limit: 1g
    cpus: 1
    pids_limit: 512
`,
  };
}
