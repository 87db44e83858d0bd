// Compression, by what every Nginx has and by what only some have.

const TYPES = [
  'application/atom+xml',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/manifest+json',
  'application/problem+json',
  'application/rss+xml',
  'application/xml',
  'font/ttf',
  'image/svg+xml',
  'text/css',
  'text/csv',
  'text/javascript',
  'text/plain',
  'text/xml',
].join(' ');

/** Text alone: pictures and WOFF2 are compressed already, and an event stream must not wait for more of itself. */
export const COMPRESSION: string = `# Compression of text; text/html is always among it. Written by tsgi generate.
gzip on;
gzip_vary on;
gzip_proxied any;
gzip_min_length 1024;
gzip_comp_level 5;
gzip_types ${TYPES};
`;

/** For the level of http, so that a link in conf.d turns it on for a machine that has the module. */
export const BROTLI: string = `# Brotli, for an Nginx that has the module ngx_brotli (Debian: libnginx-mod-http-brotli-filter). Written by tsgi generate.
# A link to this file in conf.d turns it on; gzip stays for those who do not know it.
brotli on;
brotli_min_length 1024;
brotli_comp_level 5;
brotli_types ${TYPES};
`;
