// Whose word about the client is believed: a list of addresses and networks.

import { BlockList, isIP } from 'node:net';
import { type Address, TsgiError } from '@tsgi/core';

/** Tells whether a neighbour is one of our proxies. */
export type Trust = (address: Address) => boolean;

/**
 * Reads a trust list: IP addresses, networks in CIDR notation, `unix` for peers on a Unix socket, `*` for everyone.
 * Throws `TSGI_ERR_TRUST` for anything else.
 */
export function parseTrust(list: readonly string[]): Trust {
  const networks = new BlockList();
  let unix = false;
  let everyone = false;
  for (const item of list) {
    if (item === '*') everyone = true;
    else if (item === 'unix') unix = true;
    else addNetwork(networks, item);
  }
  if (everyone) return () => true;
  return (address) =>
    address.kind === 'unix' ? unix : networks.check(address.address, isIP(address.address) === 6 ? 'ipv6' : 'ipv4');
}

function addNetwork(networks: BlockList, item: string): void {
  const slash = item.indexOf('/');
  const address = slash < 0 ? item : item.slice(0, slash);
  const version = isIP(address);
  if (version === 0) throw new TsgiError('TSGI_ERR_TRUST', { item, problem: 'is not an IP address' });
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (slash < 0) {
    networks.addAddress(address, family);
    return;
  }
  const bits = item.slice(slash + 1);
  const most = version === 6 ? 128 : 32;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) {
    throw new TsgiError('TSGI_ERR_TRUST', { item, problem: `has a prefix that is not 0 to ${most}` });
  }
  networks.addSubnet(address, Number(bits), family);
}

/** A proxy on this machine, over loopback or a Unix socket. Gunicorn's `forwarded-allow-ips` has the same default. */
export const DEFAULT_TRUST: readonly string[] = ['127.0.0.1', '::1', 'unix'];
