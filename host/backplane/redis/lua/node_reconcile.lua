-- needs: common
-- Reads what is known of connections of a node: the number of the last frame that
-- it is as of, then of each its metadata and its rooms, each with whether it is
-- present there; nothing of one that is not the node's.
local node = ARGV[1]
local all = {redis.call('HGET', base .. 'inboxes', node)}
for i = 2, #ARGV do
  local id = ARGV[i]
  local about = redis.call('HMGET', base .. 'conn:' .. id, 'node', 'meta')
  all[i] = false
  if about[1] == node then
    local rooms = {}
    for _, room in ipairs(redis.call('SMEMBERS', base .. 'rooms-of:' .. id)) do
      rooms[#rooms + 1] = room
      rooms[#rooms + 1] = redis.call('HGET', base .. 'room:' .. room, id)
    end
    all[i] = {about[2], rooms}
  end
end
return all
