-- needs: common
-- Says what the inbox of a node has been sent: the number of the last frame, and
-- that of the last instruction; the name of the server's history; and the number of
-- the last frame before the node was taken for dead.
return {
  redis.call('HGET', base .. 'inboxes', ARGV[1]), redis.call('HGET', base .. 'instructed', ARGV[1]),
  string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or false,
  redis.call('GET', base .. 'buried:' .. ARGV[1]),
}
