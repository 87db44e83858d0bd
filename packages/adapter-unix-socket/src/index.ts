// @tsgi/adapter-unix-socket: serves a gateway application over a Unix socket, an inherited descriptor or a systemd socket.

export { checkDescriptor } from './descriptor.ts';
export { listen, type UnixSocketOptions } from './listen.ts';
export { type ListenFd, listenFds } from './listen-fds.ts';
export { checkPath, type Owner, SocketFile } from './socket-file.ts';
