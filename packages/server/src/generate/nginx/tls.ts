// TLS as Mozilla recommends it (https://wiki.mozilla.org/Security/Server_Side_TLS).

import type { Deployment } from '../deployment.ts';
import { head, type TlsOptions } from './options.ts';

const PROFILES = {
  modern: `# Mozilla's profile "modern": TLS 1.3 alone, which every browser since 2019 speaks. Its ciphers are all good ones.
ssl_protocols TLSv1.3;
`,
  intermediate: `# Mozilla's profile "intermediate", without the slow exchange of keys of DHE: also for clients before 2019.
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
`,
};

export function tls({ name }: Deployment, { certificate, key, profile }: TlsOptions): string {
  return `${head('TLS.')}
ssl_certificate ${certificate};
ssl_certificate_key ${key};

${PROFILES[profile]}# Of the ciphers that remain none is weak; the client knows which of them its processor is fast at.
ssl_prefer_server_ciphers off;
ssl_ecdh_curve X25519:prime256v1:secp384r1;

# Sessions are resumed from memory: tickets would need a key that somebody replaces.
ssl_session_cache shared:${name}-tls:10m;
ssl_session_timeout 1d;
ssl_session_tickets off;

# No OCSP stapling: Let's Encrypt and others have ended OCSP. For a certificate that names a responder
# (openssl x509 -ocsp_uri): ssl_stapling on; ssl_stapling_verify on; and a resolver.
`;
}
