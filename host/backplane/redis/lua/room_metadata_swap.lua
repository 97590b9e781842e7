-- needs: common, optional, description
local room, limit, overhead, expected, value = ARGV[1], tonumber(ARGV[2]), ARGV[3], optional(4), optional(6)
local found = redis.call('GET', base .. 'room-meta:' .. room)
if found ~= expected then return {0, found} end
local growth = size(room, value, overhead) - size(room, found, overhead)
if growth > 0 and limit > 0 then
  local used = tonumber(redis.call('GET', base .. 'room-meta-bytes') or 0)
  if used + growth > limit then return redis.error_reply('MESH FULL') end
end
if found or value then describe(room, found, value, overhead) end
return {1}
