// What a client gets where Nginx answers itself: while nobody else does, and where it passes a request on to nobody.

import { STATUS_CODES } from 'node:http';
import type { Settings } from '../../settings/table.ts';
import type { Deployment } from '../deployment.ts';
import { refusalJson, refusalPage } from './error-pages.ts';
import { head, NGINX_FOLDER, type NginxOptions, variable } from './options.ts';
import { patternOf } from './patterns.ts';

/** What Nginx refuses, by status: what is wrong with the request. */
const refusals = ({ limitBody }: Settings): Readonly<Record<number, string>> => ({
  400: 'The request is not valid HTTP.',
  405: 'This method is not taken.',
  413: limitBody === 0 ? 'No body is taken.' : `The body must not be larger than ${limitBody} bytes.`,
  414: 'The address is too long.',
  429: 'Too many requests at once. Try again in a few seconds.',
  431: 'The header fields are too large.',
  501: 'The transfer coding is not known.',
  505: 'The version of HTTP is not known.',
});

/** Nginx has a number of its own for header fields that are too large. */
const TOO_LARGE = '494 =431';

export function errorMaps(deployment: Deployment, { api }: NginxOptions): string {
  const reasons = Object.entries(refusals(deployment.settings));
  return `# For whom an error of Nginx is: programs or people.
map $uri ${variable(deployment, 'error_form')} {
${api.map((path) => `    ${patternOf(path)} json;\n`).join('')}    default html;
}

# What Nginx refuses, in words.
map $status ${variable(deployment, 'refusal')} {
${reasons.map(([status]) => `    ${status} "${STATUS_CODES[status]}";\n`).join('')}    default "Not accepted";
}

map $status ${variable(deployment, 'refusal_reason')} {
${reasons.map(([status, reason]) => `    ${status} "${reason}";\n`).join('')}    default "The request was not accepted.";
}

map $status ${variable(deployment, 'retry_after')} {
    429 2;
    default "";
}
`;
}

export function errors(deployment: Deployment): string {
  const { name, settings } = deployment;
  const form = variable(deployment, 'error_form');
  const own = Object.keys(refusals(settings)).filter((status) => status !== '431');
  const words = [variable(deployment, 'refusal'), variable(deployment, 'refusal_reason')] as const;
  return `${head('What Nginx answers itself.')}
# While the application does not answer. The status stays. What the application itself answers passes as it is.
error_page 500 502 503 504 /50x.${form};

location = /50x.html {
    internal;
    root ${NGINX_FOLDER}/html;
    include snippets/${name}/headers.conf;
    add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'" always;
    add_header Cache-Control no-store always;
    add_header Retry-After 10 always;
}

location = /50x.json {
    internal;
    root ${NGINX_FOLDER}/html;
    types {}
    default_type application/problem+json;
    include snippets/${name}/headers.conf;
    add_header Cache-Control no-store always;
    add_header Retry-After 10 always;
}

# What it does not pass on. The status stays here, too, whatever return says.
error_page ${own.join(' ')} /4xx.${form};
error_page ${TOO_LARGE} /4xx.${form};

location = /4xx.html {
    internal;
    default_type text/html;
    include snippets/${name}/headers.conf;
    add_header Content-Security-Policy "default-src 'none'; style-src 'unsafe-inline'" always;
    add_header Cache-Control no-store always;
    add_header Retry-After ${variable(deployment, 'retry_after')} always;
    return 200 '${refusalPage(...words)}';
}

location = /4xx.json {
    internal;
    types {}
    default_type application/problem+json;
    include snippets/${name}/headers.conf;
    add_header Cache-Control no-store always;
    add_header Retry-After ${variable(deployment, 'retry_after')} always;
    return 200 '${refusalJson(...words)}';
}
`;
}
