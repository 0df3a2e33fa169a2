"""The demo city, Qinghe 清河: invented, the same every time, and alive while it is shown."""
