-- needs: common, inbox, presence, leave, description
-- Ends all memberships of a room, and its metadata, unless there are more than one
-- script may end: then it says so. Returns the members in any case.
local room, reason, own, overhead, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local members = redis.call('HKEYS', base .. 'room:' .. room)
if #members > most then return {0, members, 1} end
for _, id in ipairs(members) do
  leave(room, id, reason, redis.call('HGET', base .. 'conn:' .. id, 'node'))
end
local found = redis.call('GET', base .. 'room-meta:' .. room)
if found then describe(room, found, false, overhead) end
return {place(own), members, 0}
