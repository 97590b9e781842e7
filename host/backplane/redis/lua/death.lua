-- die takes a node's lease away. It is among the dying, claimed until some time
-- by who cleans up, until nothing of it is left.
local function die(node, claimed)
  redis.call('ZREM', base .. 'nodes', node)
  redis.call('HDEL', base .. 'incarnations', node)
  redis.call('ZADD', base .. 'dying', int(claimed), node)
end
