update projects set description = '' where description is null;
update profiles set description = '' where description is null;
update instances set description = '' where description is null;
update images_aliases set description = '' where description is null;
