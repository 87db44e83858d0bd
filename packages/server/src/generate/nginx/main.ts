// nginx.conf, for a machine or a container whose Nginx does nothing else.

export const MAIN: string = `# Nginx, for a machine where it does nothing but this. A site needs nothing of it: Debian's own nginx.conf does as well.
# Written by tsgi generate.

user www-data;
worker_processes auto;
# Two for each connection that is passed on, and files.
worker_rlimit_nofile 65536;
# An old worker stays for its open connections when Nginx is reloaded: streams and WebSockets would keep it for ever.
worker_shutdown_timeout 10m;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;
include modules-enabled/*.conf;

events {
    worker_connections 16384;
}

http {
    include mime.types;
    default_type application/octet-stream;
    charset utf-8;
    charset_types text/css text/javascript application/javascript text/plain text/xml;

    sendfile on;
    tcp_nopush on;
    server_tokens off;
    types_hash_max_size 2048;
    server_names_hash_bucket_size 128;

    access_log /var/log/nginx/access.log;

    include conf.d/*.conf;
    include sites-enabled/*;
}
`;
