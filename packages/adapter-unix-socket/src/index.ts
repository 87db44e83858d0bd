// @tsgi/adapter-unix-socket: serves a gateway application over a Unix socket, an inherited descriptor or a systemd socket.

export { listen, type UnixSocketOptions } from './listen.ts';
export { type ListenFd, listenFds } from './listen-fds.ts';
export type { Owner } from './socket-file.ts';
