-- die takes a node's lease away. It is among the dying, claimed until some time
-- by who cleans up, until nothing of it is left. For a day the number of the last
-- frame that it was sent is known: a node that was only cut off sees by it whether
-- it has missed what others have done to its connections.
local function die(node, claimed)
  redis.call('ZREM', base .. 'nodes', node)
  redis.call('HDEL', base .. 'incarnations', node)
  local sent = redis.call('HGET', base .. 'inboxes', node)
  if sent then redis.call('SET', base .. 'buried:' .. node, sent, 'PX', 86400000) end
  redis.call('ZADD', base .. 'dying', int(claimed), node)
end
