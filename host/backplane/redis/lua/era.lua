-- era names the time in which this shard can have lost nothing: it is another
-- one whenever the server that has the shard is another, or has started anew
-- (its replication id says so), for then the end of what it was told before may
-- be missing. It is a part of every epoch.
local function era()
  local info = redis.call('INFO', 'replication')
  local known = redis.call('HMGET', base .. 'era', 'server', 'era')
  if known[1] and known[2] and string.find(info, 'master_replid:' .. known[1], 1, true) then
    return known[2]
  end
  local name = string.format('%x', micros)
  redis.call('HSET', base .. 'era', 'server', string.match(info, 'master_replid:(%x+)'), 'era', name)
  return name
end
