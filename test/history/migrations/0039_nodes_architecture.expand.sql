alter table nodes add column arch integer not null default 0 check (arch >= 0);
update nodes set arch = 2;
