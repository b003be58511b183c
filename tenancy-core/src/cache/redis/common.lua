-- KEYS[1] is the tenant's history, a hash: e names it, n counts its invalidations, a is the last one
-- of everything, and t:<tag> the last one of a tag. ARGV[1] names a new one, ARGV[2] is the time in
-- milliseconds after which a history that was idle has no entries left.

-- The present history; what is missing or broken is begun anew, so that all it had is old.
local function history()
  local h = redis.pcall('HMGET', KEYS[1], 'e', 'n', 'a')
  if not h.err and h[1] and #h[1] == 32 and not string.find(h[1], '[^0-9a-f]') then
    local n, a = tonumber(h[2]), tonumber(h[3])
    if n and a and n >= 0 and n < 2^53 and n == math.floor(n) and a <= n then return h[1], n, a end
  end
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'e', ARGV[1], 'n', 0, 'a', 0)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return ARGV[1], 0, 0
end

-- The last invalidation of any of the tags, which stand between commas.
local function last_of(tags)
  local last = 0
  for tag in string.gmatch(tags, '[^,]+') do
    local count = tonumber(redis.call('HGET', KEYS[1], 't:' .. tag))
    if count and count > last then last = count end
  end
  return last
end
