-- What happens to presence in a room, and to the states of those present. The
-- changes are numbered as in package backplane.
local JOINED, LEFT, STATE = '1', '2', '3'

local last -- number that this script has given to an event

-- tell publishes an event. Its number is above that of every event before it, and
-- as the time goes into it, also of those that Redis may have lost. That of a
-- room's last event goes a while after the room, see leave().
local function tell(room, id, change, state)
  last = last or tonumber(redis.call('GET', base .. 'presence-seq') or 0)
  last = math.max(last + 1, micros)
  local seq = int(last)
  redis.call('SET', base .. 'presence-seq', seq)
  redis.call('SET', base .. 'room-seq:' .. room, seq)
  publish('presence:' .. room, frame(seq, now, id, change, state or false))
end

-- ending names a state among all that end by themselves.
local function ending(room, id) return struct.pack('>I4', #room) .. room .. id end

-- drop takes a state away and reports whether there was one.
local function drop(room, id)
  if redis.call('HDEL', base .. 'states:' .. room, id) == 0 then return false end
  redis.call('ZREM', base .. 'state-ends', ending(room, id))
  return true
end

-- clear takes a state away and tells of it, where there is one.
local function clear(room, id)
  if drop(room, id) then tell(room, id, STATE) end
end

-- lapse clears a state that should have ended by now, and reports whether one is
-- yet to end.
local function lapse(room, id)
  local ends = redis.call('ZSCORE', base .. 'state-ends', ending(room, id))
  if ends and tonumber(ends) <= now then
    clear(room, id)
    return false
  end
  return ends
end

-- enter makes a member present and reports whether it was not; its field in the
-- room is known.
local function enter(room, id, field)
  if field ~= '0' then return false end
  redis.call('HSET', base .. 'room:' .. room, id, '1')
  tell(room, id, JOINED)
  return true
end

-- exit ends presence, and the state with it: the end of that is not told beside.
local function exit(room, id)
  drop(room, id)
  tell(room, id, LEFT)
end
