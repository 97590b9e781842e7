-- needs: common, inbox, presence, leave, description
local room, reason, own, overhead = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local members = redis.call('HKEYS', base .. 'room:' .. room)
for _, id in ipairs(members) do
  leave(room, id, reason, redis.call('HGET', base .. 'conn:' .. id, 'node'))
end
local found = redis.call('GET', base .. 'room-meta:' .. room)
if found then describe(room, found, false, overhead) end
return {place(own), members}
