-- KEYS[1]: when the bucket will be full, in microseconds of the server's clock
-- ARGV: microseconds between two requests, requests in a full bucket
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval = tonumber(ARGV[1])
local burst = tonumber(ARGV[2])
local whole = interval * burst
local full_at = tonumber(redis.call('GET', KEYS[1]) or '') or now
-- Another rate may have left more in it, and the clock may have been set back.
full_at = math.min(math.max(full_at, now), now + whole)
local later = full_at + interval
if later > now + whole then
  return {0, 0, full_at - now, later - whole - now}
end
redis.call('SET', KEYS[1], string.format('%.0f', later), 'PX', math.ceil((later - now) / 1000) + 1)
return {1, math.floor((now + whole - later) / interval), later - now, 0}
