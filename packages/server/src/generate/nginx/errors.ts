// What a client gets while nobody answers: a page, or its JSON twin.

import type { Deployment } from '../deployment.ts';
import { head, NGINX_FOLDER, type NginxOptions, variable } from './options.ts';
import { patternOf } from './patterns.ts';

export function errorMaps(deployment: Deployment, { api }: NginxOptions): string {
  return `# What is shown while the application does not answer.
map $uri ${variable(deployment, 'unavailable')} {
${api.map((path) => `    ${patternOf(path)} /50x.json;\n`).join('')}    default /50x.html;
}
`;
}

export function errors(deployment: Deployment): string {
  return `${head('While the application does not answer.')}
# The status stays. What the application itself answers with 502 to 504 passes as it is.
error_page 502 503 504 ${variable(deployment, 'unavailable')};

location = /50x.html {
    internal;
    root ${NGINX_FOLDER}/html;
    include snippets/${deployment.name}/headers.conf;
    add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'" always;
    add_header Cache-Control no-store always;
    add_header Retry-After 10 always;
}

location = /50x.json {
    internal;
    root ${NGINX_FOLDER}/html;
    types {}
    default_type application/problem+json;
    include snippets/${deployment.name}/headers.conf;
    add_header Cache-Control no-store always;
    add_header Retry-After 10 always;
}
`;
}
